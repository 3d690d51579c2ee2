//! Replicas of the box in a restic-format repository, and restoring them.
