for i in a..c { namespace $i }  #! malformed-range
