//! What people see of an agent while it works: its newest command, and its own plan. It is no fact, and nobody decides by
//! it.

use std::time::Duration;

use crate::{
    ActivityContent, IssueFacts, OutboxOrder, PlanStatus, PlanStep, RunId, SecretPatterns,
    text::single_line,
};

/// How often something of an agent is shown at most, and how long nothing is shown at first: that it began was told.
pub const SHOWN_EVERY: Duration = Duration::from_secs(5);

/// The longest object of an action, in characters.
const MAX_OBJECT: usize = 120;
/// The longest step of a plan, in characters.
const MAX_STEP: usize = 200;
/// The most steps of an agent's plan that are shown.
const MAX_STEPS: usize = 20;

/// Something that an agent is seen doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glimpse {
    /// It does something.
    Doing {
        /// What, in our words.
        action: &'static str,
        /// To what, in its words.
        object: String,
    },
    /// It has a plan.
    Planned {
        /// The steps, in its words.
        steps: Vec<PlanStep>,
    },
}

/// The newest of what was seen and not shown yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glimpses {
    doing: Option<(&'static str, String)>,
    planned: Option<Vec<PlanStep>>,
}

impl Glimpses {
    /// Takes in what is seen now, in the place of what was seen before.
    pub fn see(&mut self, glimpse: Glimpse) {
        match glimpse {
            Glimpse::Doing { action, object } => self.doing = Some((action, object)),
            Glimpse::Planned { steps } => self.planned = Some(steps),
        }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        let Self { doing, planned } = self;
        doing.is_none() && planned.is_none()
    }

    /// The reports that show it, and nothing of a run that has not the issue any more. A text that holds one of our
    /// secrets is not shown at all.
    pub fn shown(
        &self,
        facts: &IssueFacts,
        run: &RunId,
        secrets: &SecretPatterns,
    ) -> Vec<OutboxOrder> {
        let has_issue = facts.slot.as_ref().is_some_and(|slot| slot.run == *run);
        let Some(session) = facts.session.as_ref().filter(|_| has_issue) else {
            return Vec::new();
        };
        let is_harmless = |text: &str| secrets.find("", text.as_bytes()).is_empty();
        let plan = self.planned.as_ref().map(|steps| {
            let step = |step: &PlanStep| PlanStep {
                content: single_line(&step.content, MAX_STEP),
                status: step.status,
            };
            let ours = |content: &str, status| PlanStep { content: content.to_owned(), status };
            let theirs = steps.iter().filter(|step| is_harmless(&step.content)).map(step);
            OutboxOrder::Plan {
                session: session.clone(),
                steps: std::iter::once(ours("Prepare the workspace", PlanStatus::Completed))
                    .chain(theirs.filter(|step| !step.content.is_empty()).take(MAX_STEPS))
                    .chain([
                        ours("Verify", PlanStatus::Pending),
                        ours("Merge", PlanStatus::Pending),
                    ])
                    .collect(),
            }
        });
        let doing = self.doing.as_ref().filter(|(_, object)| is_harmless(object));
        let doing = doing.map(|(action, object)| OutboxOrder::Activity {
            session: session.clone(),
            content: ActivityContent::Action {
                action: (*action).to_owned(),
                // As code it calls nobody, and it cannot end the quotation.
                parameter: format!("`{}`", single_line(object, MAX_OBJECT).replace('`', "'")),
            },
            urgent: false,
            ephemeral: true,
        });
        plan.into_iter().chain(doing).collect()
    }
}

#[cfg(test)]
mod tests;
