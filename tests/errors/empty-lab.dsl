lab nothing   #! empty-lab: in this file
host { nic ens33 { address 10.0.0.1/24 } }
