"""The commands of the dispatcher, a file each: their options, and what they hand to whom."""
