"""Search over everything that a trajectory says, by an index that a process of its own keeps.

What is not indexed yet is searched by SQL, so an answer is exact at any moment. This package imports nothing by
itself: the process of the index shall stay small.
"""
