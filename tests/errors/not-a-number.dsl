let first br
network ${first+1} isolated  #! not-a-number
