//! What a repository fails by, as the page gets it.

use crate::problem::Problem;
use http::StatusCode;

impl From<hearth_replication::Error> for Problem {
    fn from(error: hearth_replication::Error) -> Self {
        use hearth_replication::Error as Backup;
        let status = match &error {
            Backup::NotARepository | Backup::UnknownReplica(_) => StatusCode::NOT_FOUND,
            Backup::WrongKey => StatusCode::FORBIDDEN,
            Backup::NotEmpty | Backup::Busy | Backup::Cancelled => StatusCode::CONFLICT,
            Backup::Damaged(_) | Backup::NewerFormat(_) | Backup::Unusable(_) | Backup::Refused(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Backup::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = Self::new(status, error.code(), error.to_string(), error.help());
        match error {
            Backup::Full { needed, free } => problem.with("needed", needed).with("free", free),
            Backup::Damaged(detail) | Backup::NewerFormat(detail) | Backup::Unusable(detail) => {
                problem.with("detail", detail)
            }
            Backup::UnknownReplica(id) => problem.with("replica", id.to_string()),
            _ => problem,
        }
    }
}
