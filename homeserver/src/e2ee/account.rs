//! What happens to keys when an account ends.

use super::device_lists;
use hearth_store::{
    Change, Read as _, StoreError,
    tables::{
        CROSS_SIGNING_KEYS, KEY_BACKUP_SESSIONS, KEY_BACKUPS, KEY_SIGNATURES, USER_SIGNATURE_CHANGES,
        USER_SIGNATURE_LOG,
    },
};
use ruma::UserId;

/// An account ends for good, in the same change: its key backup, its cross-signing keys and the signatures on and by them
/// go. What belongs to its devices goes with each of these ([`super::devices::removed`]).
///
/// # Errors
/// [`StoreError`]
pub fn removed(change: &mut Change<'_>, user: &UserId) -> Result<(), StoreError> {
    let user = user.as_str();
    change.delete_prefix(KEY_BACKUP_SESSIONS, (user,))?;
    // With their numbers: nobody makes another backup for this account.
    change.delete_prefix(KEY_BACKUPS, (user,))?;
    change.delete_prefix(KEY_SIGNATURES, (user,))?;
    for signed in signed_by(change, user)? {
        let mut by_user = Vec::new();
        for row in change.prefix(KEY_SIGNATURES, (signed.as_str(),))? {
            let (key, _) = row?;
            if key.2 == user {
                by_user.push(key);
            }
        }
        for key in by_user {
            change.delete(KEY_SIGNATURES, key)?;
        }
    }
    change.delete_prefix(USER_SIGNATURE_CHANGES, (user,))?;
    change.delete_prefix(USER_SIGNATURE_LOG, (user,))?;
    // Those who had them must not go on trusting them. An account without keys was on nobody's list.
    if change.delete_prefix(CROSS_SIGNING_KEYS, (user,))? > 0 {
        device_lists::changed(change, user)?;
    }
    Ok(())
}

/// The other users whose master keys the user has signed.
fn signed_by(change: &Change<'_>, user: &str) -> Result<Vec<String>, StoreError> {
    change.prefix(USER_SIGNATURE_CHANGES, (user,))?.map(|row| row.map(|((_, signed), _)| signed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2ee::{
        E2eeError, device_lists,
        key_backup::{self, Description},
        testing::TestStore,
    };
    use hearth_store::{StreamPos, tables::DEVICE_LIST_CHANGES};
    use ruma::user_id;

    /// The users in that place of the keys of a table.
    macro_rules! users {
        ($read:expr, $table:expr, $place:tt) => {
            $read
                .prefix($table, ())
                .unwrap()
                .map(|row| {
                    let (key, _) = row.unwrap();
                    key.$place
                })
                .collect::<Vec<String>>()
        };
    }

    /// A deactivated account's backed-up keys stayed for ever, and what it had signed.
    #[test]
    fn nothing_that_is_the_accounts_own_stays_and_nothing_of_others_goes() {
        let store = TestStore::new();
        let (ann, bob) = ("@ann:here", "@bob:here");
        let fill = move |change: &mut Change<'_>| {
            for (one, other) in [(ann, bob), (bob, ann)] {
                let user = if one == ann { user_id!("@ann:here") } else { user_id!("@bob:here") };
                let description = Description { algorithm: "a".to_owned(), auth_data: "{}".to_owned() };
                let version = key_backup::create(change, user, &description)?;
                change.put(KEY_BACKUP_SESSIONS, (one, version, "!r:here", "session"), &"{}".to_owned())?;
                for usage in ["master", "self_signing", "user_signing"] {
                    change.put(CROSS_SIGNING_KEYS, (one, usage), &"{}".to_owned())?;
                }
                change.put(KEY_SIGNATURES, (one, "DEV", one, "ed25519:own"), &"x".to_owned())?;
                change.put(KEY_SIGNATURES, (one, "MASTER", other, "ed25519:of other"), &"x".to_owned())?;
                change.put(KEY_SIGNATURES, ("@cleo:here", "MASTER", one, "ed25519:of one"), &"x".to_owned())?;
                for signed in [other, "@cleo:here"] {
                    device_lists::signed(change, one, signed)?;
                }
            }
            Ok::<_, E2eeError>(())
        };
        store.change(fill).unwrap();
        let keyless = store.change(|change| Ok(removed(change, user_id!("@dan:here"))?));
        keyless.unwrap();
        let before: Option<StreamPos> = store.store.snapshot().unwrap().get(DEVICE_LIST_CHANGES, "@dan:here").unwrap();
        assert_eq!(before, None);

        store.change(|change| Ok(removed(change, user_id!("@ann:here"))?)).unwrap();
        let read = store.store.snapshot().unwrap();
        assert_eq!(users!(read, KEY_BACKUPS, 0), [bob]);
        assert_eq!(users!(read, KEY_BACKUP_SESSIONS, 0), [bob]);
        assert_eq!(users!(read, CROSS_SIGNING_KEYS, 0), [bob; 3]);
        assert_eq!(users!(read, KEY_SIGNATURES, 0), [bob, "@cleo:here"]);
        assert_eq!(users!(read, KEY_SIGNATURES, 2), [bob, bob]);
        assert_eq!(users!(read, USER_SIGNATURE_CHANGES, 0), [bob, bob]);
        assert_eq!(users!(read, USER_SIGNATURE_LOG, 0), [bob, bob]);
        assert!(read.get(DEVICE_LIST_CHANGES, ann).unwrap().is_some(), "those who share a room fetch the keys anew");
    }
}
