"""Lists of records: what they show, sort and filter by (one module a group of records), and the
one way in which all are paged, counted and downloaded.
"""
