"""What is asked: sites, procedures and scenario files. Knows names of anatomy, no drawing."""
