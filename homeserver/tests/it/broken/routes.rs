//! Which routes there are: asked of the router itself, so that a new one is tried without being listed anywhere.

use super::{exchange, request::Plan, world::World};
use axum::Router;
use http::{Method, StatusCode};

/// A path of the router with the methods that it answers.
#[derive(Debug)]
pub struct Route {
    /// As the router has it, with `{names}` for what varies.
    pub path: String,
    /// What is answered by something other than 405.
    pub methods: Vec<Method>,
}

/// Every path of a router, as its debug output lists them; axum has no other way to ask.
pub fn paths(router: &Router) -> Vec<String> {
    let shown = format!("{router:?}");
    // What follows is axum's own: where requests go that nobody serves.
    let (shown, _) = shown.split_once("fallback_router").unwrap_or((&shown, ""));
    let mut paths = Vec::new();
    for part in shown.split("RouteId(").skip(1) {
        let Some((_, behind)) = part.split_once("): \"") else { continue };
        let Some((path, _)) = behind.split_once('"') else { continue };
        // The number stands elsewhere too, but only here with a path behind it.
        if part.find("): \"") == part.find(')') {
            paths.push(path.to_owned());
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Every path with its methods.
pub async fn all(world: &World) -> Vec<Route> {
    let mut routes = Vec::new();
    for path in paths(&world.server.router()) {
        let mut methods = Vec::new();
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let plan = Plan::plain(&path, method.clone());
            if exchange(world, &plan).await.is_none_or(|answer| answer.status != StatusCode::METHOD_NOT_ALLOWED) {
                methods.push(method);
            }
        }
        assert!(!methods.is_empty(), "{path} answers no method");
        routes.push(Route { path, methods });
    }
    routes
}
