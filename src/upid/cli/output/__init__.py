"""How answers look: blocks of a report and one renderer for each format; all text is cleaned here."""
