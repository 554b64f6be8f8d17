"""Slow, obvious versions of everything compiled: what the fast code is compared with, written independently of it.

A policy's twin is a class with `access(page) -> hit`, in plain Python lists and dicts.
"""
