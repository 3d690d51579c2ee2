//! End-to-end encryption's public side: device keys, one-time keys, cross-signing, to-device messages, key backup.
