//! Answers for load balancers and people who want to know whether we are well.

use crate::problem::Problem;
use crate::reply::Reply;

/// `/health`: how many streams are open.
pub(crate) fn health(streams: usize) -> Reply {
    Reply::text(format!("Active connections: {streams}"))
}

/// `/healthz`: this process answers. Stays so until its end, or an orchestrator would kill what is only draining.
pub(crate) fn alive() -> Reply {
    Reply::text("ok\n")
}

/// `/readyz`: new streams are welcome.
pub(crate) fn ready(draining: bool) -> Result<Reply, Problem> {
    if draining {
        return Err(Problem::unavailable("The server is draining and takes no new streams.", 10));
    }
    Ok(Reply::text("ok\n"))
}
