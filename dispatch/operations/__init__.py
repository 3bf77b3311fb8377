"""What an operator needs around the commands: a folder to begin with, units and cron lines, how the depot stands now."""
