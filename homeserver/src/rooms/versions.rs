//! Room versions and their rules.

use super::RoomError;
use ruma::{RoomVersionId, room_version_rules::RoomVersionRules};

/// The versions that rooms can be made in and joined in, oldest first.
pub const SUPPORTED: [RoomVersionId; 12] = [
    RoomVersionId::V1,
    RoomVersionId::V2,
    RoomVersionId::V3,
    RoomVersionId::V4,
    RoomVersionId::V5,
    RoomVersionId::V6,
    RoomVersionId::V7,
    RoomVersionId::V8,
    RoomVersionId::V9,
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
];

/// The rules of a supported version.
///
/// # Errors
/// [`RoomError::UnsupportedVersion`]
pub fn rules(version: &RoomVersionId) -> Result<RoomVersionRules, RoomError> {
    SUPPORTED
        .contains(version)
        .then(|| version.rules())
        .flatten()
        .ok_or_else(|| RoomError::UnsupportedVersion(version.to_string()))
}
