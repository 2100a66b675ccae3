vm web/1  #! wrong-name
vm '$(reboot)'  #! wrong-name
namespace -a  #! wrong-name
