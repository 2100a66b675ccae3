namespace the-namespace-behind-the-second-router  #! long-name
