//! Orders to the running service.

use serde_json::json;

use crate::{
    cli::OrderCommand, client::Service, environment::Environment, failure::Failure, output::Output,
    show,
};

/// Gives an order, under the name of whoever runs the command.
pub(crate) async fn run(
    output: &Output,
    service: &Service,
    environment: &Environment,
    command: OrderCommand,
) -> Result<(), Failure> {
    let by = environment.get("USER").or(environment.get("LOGNAME"));
    let (one, order, body) = match command {
        OrderCommand::Prompt { one, text } => (one, "prompt", json!({ "by": by, "text": text })),
        OrderCommand::Stop(ordered) => {
            (ordered.one, "stop", json!({ "by": by, "reason": ordered.reason }))
        }
        OrderCommand::Retry { ordered, run_type } => {
            let body = json!({ "by": by, "reason": ordered.reason, "run_type": run_type });
            (ordered.one, "retry", body)
        }
        OrderCommand::Close { ordered, failed } => {
            let body = json!({ "by": by, "reason": ordered.reason, "failed": failed });
            (ordered.one, "close", body)
        }
        OrderCommand::Approve { ordered, tree } => {
            let body = json!({ "by": by, "reason": ordered.reason, "tree": tree });
            (ordered.one, "approve", body)
        }
    };
    show::ordered(output, &service.order(&one, order, &body).await?)
}
