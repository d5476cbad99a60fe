//! IMKit's wire.

use std::sync::Arc;

use axum::Router;

use crate::{Host, OperationRow};

/// The dialect's name in records and documents.
pub const DIALECT: &str = "imkit";

/// Every operation of the system's documentation.
pub const OPERATIONS: &[OperationRow] = &[];

/// The routes.
pub(crate) fn routes(_host: &Arc<dyn Host>) -> Router {
    Router::new()
}
