"""Simulated worlds as the judge of promotion: who has an edge is known there."""
