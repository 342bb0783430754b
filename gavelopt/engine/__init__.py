"""How: choosing a method, running it, handing its numbers to the judge."""
