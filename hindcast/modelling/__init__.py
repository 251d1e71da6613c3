"""Models of a running system in a program: trained into its log, deployed, watched, trained again."""
