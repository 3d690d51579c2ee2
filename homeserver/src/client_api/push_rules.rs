//! Push rules.

use crate::{
    http::{App, Caller, Error, Routes as _},
    push::rules::{self, PushRuleError},
};
use axum::Router;
use ruma::{
    api::client::push::{
        PushRule, delete_pushrule, get_pushrule, get_pushrule_actions, get_pushrule_enabled, get_pushrules_all,
        get_pushrules_global_scope, set_pushrule, set_pushrule_actions, set_pushrule_enabled,
    },
    push::{AnyPushRule, RuleKind, Ruleset},
};
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .endpoint(get_pushrules_all)
        .endpoint(get_pushrules_global_scope)
        .endpoint(get_pushrule)
        .endpoint(set_pushrule)
        .endpoint(delete_pushrule)
        .endpoint(get_pushrule_enabled)
        .endpoint(set_pushrule_enabled)
        .endpoint(get_pushrule_actions)
        .endpoint(set_pushrule_actions)
}

/// `GET /_matrix/client/v3/pushrules/`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrules>
pub async fn get_pushrules_all(
    app: Arc<App>,
    caller: Caller,
    _request: get_pushrules_all::v3::Request,
) -> Result<get_pushrules_all::v3::Response, Error> {
    Ok(get_pushrules_all::v3::Response::new(rules::get(&app.store.snapshot()?, &caller.user)?))
}

/// `GET /_matrix/client/v3/pushrules/global/`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobal>
pub async fn get_pushrules_global_scope(
    app: Arc<App>,
    caller: Caller,
    _request: get_pushrules_global_scope::v3::Request,
) -> Result<get_pushrules_global_scope::v3::Response, Error> {
    Ok(get_pushrules_global_scope::v3::Response::new(rules::get(&app.store.snapshot()?, &caller.user)?))
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid>
pub async fn get_pushrule(
    app: Arc<App>,
    caller: Caller,
    request: get_pushrule::v3::Request,
) -> Result<get_pushrule::v3::Response, Error> {
    let rule = one(&app, &caller, request.kind, &request.rule_id)?;
    Ok(get_pushrule::v3::Response::new(PushRule::from(rule)))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid>
pub async fn set_pushrule(
    app: Arc<App>,
    caller: Caller,
    request: set_pushrule::v3::Request,
) -> Result<set_pushrule::v3::Response, Error> {
    let set_pushrule::v3::Request { rule, before, after, .. } = request;
    edit(&app, caller, move |rules| rules::put(rules, rule, after.as_deref(), before.as_deref())).await?;
    Ok(set_pushrule::v3::Response::new())
}

/// `DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid>
pub async fn delete_pushrule(
    app: Arc<App>,
    caller: Caller,
    request: delete_pushrule::v3::Request,
) -> Result<delete_pushrule::v3::Response, Error> {
    edit(&app, caller, move |rules| Ok(rules.remove(request.kind, request.rule_id)?)).await?;
    Ok(delete_pushrule::v3::Response::new())
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled>
pub async fn get_pushrule_enabled(
    app: Arc<App>,
    caller: Caller,
    request: get_pushrule_enabled::v3::Request,
) -> Result<get_pushrule_enabled::v3::Response, Error> {
    let rule = one(&app, &caller, request.kind, &request.rule_id)?;
    Ok(get_pushrule_enabled::v3::Response::new(rule.enabled()))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled>
pub async fn set_pushrule_enabled(
    app: Arc<App>,
    caller: Caller,
    request: set_pushrule_enabled::v3::Request,
) -> Result<set_pushrule_enabled::v3::Response, Error> {
    edit(&app, caller, move |rules| Ok(rules.set_enabled(request.kind, request.rule_id, request.enabled)?)).await?;
    Ok(set_pushrule_enabled::v3::Response::new())
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions>
pub async fn get_pushrule_actions(
    app: Arc<App>,
    caller: Caller,
    request: get_pushrule_actions::v3::Request,
) -> Result<get_pushrule_actions::v3::Response, Error> {
    let rule = one(&app, &caller, request.kind, &request.rule_id)?;
    Ok(get_pushrule_actions::v3::Response::new(rule.actions().to_vec()))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions>
pub async fn set_pushrule_actions(
    app: Arc<App>,
    caller: Caller,
    request: set_pushrule_actions::v3::Request,
) -> Result<set_pushrule_actions::v3::Response, Error> {
    edit(&app, caller, move |rules| Ok(rules.set_actions(request.kind, request.rule_id, request.actions)?)).await?;
    Ok(set_pushrule_actions::v3::Response::new())
}

fn one(app: &App, caller: &Caller, kind: RuleKind, id: &str) -> Result<AnyPushRule, Error> {
    let rules = rules::get(&app.store.snapshot()?, &caller.user)?;
    let rule = rules.get(kind, id).ok_or(PushRuleError::NotFound)?;
    Ok(rule.to_owned())
}

async fn edit(
    app: &App,
    caller: Caller,
    edit: impl FnOnce(&mut Ruleset) -> Result<(), PushRuleError> + Send + 'static,
) -> Result<(), Error> {
    Ok(app.store.change(move |change| rules::edit(change, &caller.user, edit)).await?)
}
