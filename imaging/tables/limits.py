"""How large a table may be where it is packed, or where one of its rows has no end."""

#: Longest row, in bytes; a longer one is no row of a table, and is never held in memory.
LONGEST_ROW_BYTES = 1_000_000
#: A workbook unpacks to ten or twenty times its size. Beyond both it is made to fill memory.
MOST_UNPACKED_BYTES, MOST_UNPACKED_RATIO = 100_000_000, 200
