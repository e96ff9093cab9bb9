"""Common-pool resources: a stock that regrows, and harvesters who choose how much to take."""
