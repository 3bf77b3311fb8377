"""What is installed on every charger against what should be, and the removal of what is not ours."""
