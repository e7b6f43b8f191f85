"""Say what each data decision was worth, with an interval, by paired small trainings."""
