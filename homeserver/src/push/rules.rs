//! Push rules: the account data `m.push_rules`.
//! <https://spec.matrix.org/v1.19/client-server-api/#push-rules>

use super::words;
use crate::accounts::{
    AccountError,
    account_data::{self, GLOBAL},
};
use hearth_store::{Change, Read, StoreError};
use ruma::{
    UserId,
    events::push_rules::PushRulesEventContent,
    push::{
        EventMatchConditionData, InsertPushRuleError, NewPushRule, PushCondition, RemovePushRuleError,
        RuleNotFoundError, Ruleset,
    },
};

/// The type of the account data.
const KIND: &str = "m.push_rules";

/// Rules of their own that a user may have: each is asked about every event.
const MOST: usize = 500;
/// Conditions that one rule may have.
const MOST_CONDITIONS: usize = 32;

/// Why a push rule can't be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushRuleError {
    /// There is no such rule.
    #[error("There is no such push rule.")]
    NotFound,
    /// The rule comes with the server, so it can't be made or removed.
    #[error("Rules whose name begins with a dot come with the server.")]
    ServerDefault,
    /// No rule can have that name.
    #[error("A push rule's name has no slash and no backslash.")]
    InvalidId,
    /// The rule that this one was to stand next to isn't there, or stands on the wrong side.
    #[error("{0}")]
    BadPlace(&'static str),
    /// Rules are asked about every event, so there is a bound to what they may ask.
    #[error("{0}")]
    TooMuch(String),
    /// The rules could not be read or stored.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for PushRuleError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl From<RuleNotFoundError> for PushRuleError {
    fn from(_: RuleNotFoundError) -> Self {
        Self::NotFound
    }
}

impl From<RemovePushRuleError> for PushRuleError {
    fn from(error: RemovePushRuleError) -> Self {
        match error {
            RemovePushRuleError::ServerDefault => Self::ServerDefault,
            _ => Self::NotFound,
        }
    }
}

impl From<InsertPushRuleError> for PushRuleError {
    fn from(error: InsertPushRuleError) -> Self {
        match error {
            InsertPushRuleError::ServerDefaultRuleId => Self::ServerDefault,
            InsertPushRuleError::InvalidRuleId => Self::InvalidId,
            InsertPushRuleError::RelativeToServerDefaultRule => {
                Self::BadPlace("A rule can't stand next to one that comes with the server.")
            }
            InsertPushRuleError::BeforeHigherThanAfter => {
                Self::BadPlace("The rule to stand before comes ahead of the one to stand after.")
            }
            _ => Self::BadPlace("The rule to stand next to is not there."),
        }
    }
}

/// Gives a new user the rules that come with the server, for the first sync to show.
///
/// # Errors
/// [`AccountError::Store`]
pub fn begin(change: &mut Change<'_>, user: &UserId) -> Result<(), AccountError> {
    store(change, user, Ruleset::server_default(user))
}

/// The user's rules.
///
/// # Errors
/// [`AccountError`]
pub fn get(read: &impl Read, user: &UserId) -> Result<Ruleset, AccountError> {
    let defaults = Ruleset::server_default(user);
    let Some(content) = account_data::get(read, user, GLOBAL, KIND)? else { return Ok(defaults) };
    let mut rules = serde_json::from_str::<PushRulesEventContent>(&content)?.global;
    // A newer server may bring other rules of its own than those stored.
    rules.update_with_server_default(defaults);
    Ok(rules)
}

/// Changes the user's rules.
///
/// # Errors
/// [`PushRuleError`]
pub fn edit(
    change: &mut Change<'_>,
    user: &UserId,
    edit: impl FnOnce(&mut Ruleset) -> Result<(), PushRuleError>,
) -> Result<(), PushRuleError> {
    let mut rules = get(change, user)?;
    edit(&mut rules)?;
    Ok(store(change, user, rules)?)
}

/// Puts a rule into its place, or in place of the one of that name.
///
/// # Errors
/// [`PushRuleError`]
pub fn put(
    rules: &mut Ruleset,
    rule: NewPushRule,
    after: Option<&str>,
    before: Option<&str>,
) -> Result<(), PushRuleError> {
    let (kind, id) = (rule.kind(), rule.rule_id().to_owned());
    if after == Some(&*id) || before == Some(&*id) {
        return Err(PushRuleError::BadPlace("A rule can't stand next to itself."));
    }
    let enabled = rules.get(kind.clone(), &id).map(|rule| rule.enabled());
    check_size(&rule)?;
    if enabled.is_none() && rules.iter().filter(|rule| !rule.is_server_default()).count() >= MOST {
        return Err(PushRuleError::TooMuch(format!("There are {MOST} push rules of your own already.")));
    }
    if enabled.is_some() && (after.is_some() || before.is_some()) && !id.starts_with('.') {
        // Moving a rule that is there to behind the last one is past the end for ruma, and a panic:
        // so it is taken out, which leaves its own place at the end free.
        rules.remove(kind.clone(), &id)?;
    }
    rules.insert(rule, after, before)?;
    if let Some(enabled) = enabled {
        rules.set_enabled(kind, &id, enabled)?;
    }
    Ok(())
}

/// Refuses a rule that would cost too much to ask.
fn check_size(rule: &NewPushRule) -> Result<(), PushRuleError> {
    let too_long = |pattern: &str| pattern.len() > words::LONGEST;
    let long = match rule {
        NewPushRule::Content(rule) => too_long(&rule.pattern),
        NewPushRule::Override(rule) | NewPushRule::Underride(rule) => {
            if rule.conditions.len() > MOST_CONDITIONS {
                let message = format!("A push rule has {MOST_CONDITIONS} conditions at most.");
                return Err(PushRuleError::TooMuch(message));
            }
            rule.conditions.iter().any(|condition| match condition {
                PushCondition::EventMatch(EventMatchConditionData { pattern, .. }) => too_long(pattern),
                _ => false,
            })
        }
        _ => false,
    };
    if long {
        return Err(PushRuleError::TooMuch(format!("A pattern has {} bytes at most.", words::LONGEST)));
    }
    Ok(())
}

fn store(change: &mut Change<'_>, user: &UserId, rules: Ruleset) -> Result<(), AccountError> {
    let content = serde_json::to_string(&PushRulesEventContent::new(rules))?;
    account_data::set(change, user, GLOBAL, KIND, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::{
        push::{NewConditionalPushRule, NewPatternedPushRule, RuleKind},
        user_id,
    };

    fn rule(id: &str) -> NewPushRule {
        NewPushRule::Override(NewConditionalPushRule::new(id.to_owned(), Vec::new(), Vec::new()))
    }

    fn own(rules: &Ruleset) -> Vec<&str> {
        rules.override_.iter().filter(|rule| !rule.default).map(|rule| rule.rule_id.as_str()).collect()
    }

    #[test]
    fn rules_stand_where_they_are_put() {
        let mut rules = Ruleset::server_default(user_id!("@a:x"));
        put(&mut rules, rule("one"), None, None).unwrap();
        put(&mut rules, rule("two"), None, None).unwrap();
        put(&mut rules, rule("three"), Some("one"), None).unwrap();
        assert_eq!(own(&rules), ["two", "one", "three"]);
        put(&mut rules, rule("two"), None, None).unwrap();
        assert_eq!(own(&rules), ["two", "one", "three"]);
        put(&mut rules, rule("three"), None, Some("two")).unwrap();
        assert_eq!(own(&rules), ["three", "two", "one"]);
        assert_eq!(rules.override_.first().unwrap().rule_id, ".m.rule.master");
    }

    #[test]
    fn a_rule_moved_behind_the_last_one_is_no_panic() {
        let mut rules = Ruleset::new();
        put(&mut rules, NewPushRule::Underride(NewConditionalPushRule::new("a".into(), vec![], vec![])), None, None)
            .unwrap();
        put(&mut rules, NewPushRule::Underride(NewConditionalPushRule::new("b".into(), vec![], vec![])), None, None)
            .unwrap();
        rules.set_enabled(RuleKind::Underride, "b", false).unwrap();
        put(
            &mut rules,
            NewPushRule::Underride(NewConditionalPushRule::new("b".into(), vec![], vec![])),
            Some("a"),
            None,
        )
        .unwrap();
        let order: Vec<_> = rules.underride.iter().map(|rule| (rule.rule_id.as_str(), rule.enabled)).collect();
        assert_eq!(order, [("a", true), ("b", false)]);
        let error = put(
            &mut rules,
            NewPushRule::Underride(NewConditionalPushRule::new("b".into(), vec![], vec![])),
            Some("b"),
            None,
        );
        assert!(matches!(error, Err(PushRuleError::BadPlace(_))));
    }

    #[test]
    fn rules_of_the_server_can_be_switched_but_neither_made_nor_removed() {
        let mut rules = Ruleset::server_default(user_id!("@a:x"));
        assert!(matches!(put(&mut rules, rule(".m.rule.master"), None, None), Err(PushRuleError::ServerDefault)));
        assert!(matches!(put(&mut rules, rule("a"), Some(".m.rule.master"), None), Err(PushRuleError::BadPlace(_))));
        assert!(matches!(put(&mut rules, rule("a"), Some("nowhere"), None), Err(PushRuleError::BadPlace(_))));
        let removed = rules.remove(RuleKind::Override, ".m.rule.master").map_err(PushRuleError::from);
        assert!(matches!(removed, Err(PushRuleError::ServerDefault)));
        rules.set_enabled(RuleKind::Override, ".m.rule.master", true).unwrap();
    }

    #[test]
    fn rules_are_bounded_in_number_and_in_what_they_ask() {
        let mut rules = Ruleset::server_default(user_id!("@a:x"));
        let content = |pattern: String| NewPushRule::Content(NewPatternedPushRule::new("c".into(), pattern, vec![]));
        let refused = |result: Result<(), PushRuleError>| matches!(result, Err(PushRuleError::TooMuch(_)));
        put(&mut rules, content("x".repeat(words::LONGEST)), None, None).unwrap();
        assert!(refused(put(&mut rules, content("x".repeat(words::LONGEST + 1)), None, None)));
        let matching = |pattern: String, times: usize| {
            let condition = PushCondition::from(EventMatchConditionData::new("content.body".into(), pattern));
            NewPushRule::Override(NewConditionalPushRule::new("o".into(), vec![condition; times], vec![]))
        };
        put(&mut rules, matching("x".repeat(words::LONGEST), MOST_CONDITIONS), None, None).unwrap();
        assert!(refused(put(&mut rules, matching("x".repeat(words::LONGEST + 1), 1), None, None)));
        assert!(refused(put(&mut rules, matching("x".into(), MOST_CONDITIONS + 1), None, None)));
        for n in 2..MOST {
            put(&mut rules, rule(&n.to_string()), None, None).unwrap();
        }
        assert!(refused(put(&mut rules, rule("one too many"), None, None)));
        // Those that are there can still be changed.
        put(&mut rules, content("y".into()), None, None).unwrap();
    }
}
