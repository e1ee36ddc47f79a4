"""Replicas of models: admission, routing, failover, health."""
