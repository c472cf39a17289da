"""What is wrong with this router, and what to do about it: findings as pure functions over facts.

`facts.py` says what is looked at; `survey.py` beside this package gathers it, and `examining.py` what only the daemon
knows. A row of `report.CHECKS` judges each area, `finding.py` has every code. `listing.py` reads what the system
prints, `hide.py` and `bundle.py` make of it all a text that somebody else may read.
"""
