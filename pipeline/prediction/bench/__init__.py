"""What ``bench predict`` measures: how a prediction starts, how fast and large a job is."""
