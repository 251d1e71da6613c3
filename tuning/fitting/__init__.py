"""One fit of one candidate: recipes, the job that fits, and the processes and actors that run jobs."""
