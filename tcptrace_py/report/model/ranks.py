"""What connections are numbered by: the order in which they began.

Compiled (see ``ranks.pxd``). A part of a capture numbers its connections from 0, in the order in which they
began; so does the whole. ``begins`` holds two numbers for each, in that order: the capture's time when it
began, and the id of the frame that it began with.
"""

from __future__ import annotations

from array import array


def interleave(mine: array[int], other: array[int]) -> tuple[array[int], list[int], list[int]]:
    """The begins of both, in order, and for each old number of either its new one."""
    merged = array("q", bytes(8 * (len(mine) + len(other))))
    my_numbers = [0] * (len(mine) // 2)
    other_numbers = [0] * (len(other) // 2)
    a, b, c = mine, other, merged
    my_count = len(my_numbers)
    other_count = len(other_numbers)
    i = 0
    j = 0
    while i < my_count or j < other_count:
        if j == other_count or (
            i < my_count and (a[2 * i] < b[2 * j] or (a[2 * i] == b[2 * j] and a[2 * i + 1] <= b[2 * j + 1]))
        ):
            c[2 * (i + j)] = a[2 * i]
            c[2 * (i + j) + 1] = a[2 * i + 1]
            my_numbers[i] = i + j
            i += 1
        else:
            c[2 * (i + j)] = b[2 * j]
            c[2 * (i + j) + 1] = b[2 * j + 1]
            other_numbers[j] = i + j
            j += 1
    return merged, my_numbers, other_numbers


def places(whole: array[int], mine: array[int]) -> list[int]:
    """For each old number of a part its number in the whole, whose begins have those of the part in them."""
    numbers = [0] * (len(mine) // 2)
    a, b = whole, mine
    count = len(numbers)
    i = 0
    j = 0
    while j < count:
        if a[2 * i] == b[2 * j] and a[2 * i + 1] == b[2 * j + 1]:
            numbers[j] = i
            j += 1
        i += 1
    return numbers
