"""The choice between candidates: their differences, the front, reasons for and against each."""
