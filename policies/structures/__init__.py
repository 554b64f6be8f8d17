"""Data structures that policies share: plain functions over arrays, compiled together with the policy."""
