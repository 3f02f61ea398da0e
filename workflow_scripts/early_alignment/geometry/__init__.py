"""Representational geometry: inner products of patterns, and the dissimilarities that follow from them."""
