"""What a first visitor can ask at once: a shop's database and a few of its documents."""
