//! Telling an agent at work what humans say meanwhile.
//!
//! A turn takes a message at once and reads it when it comes to it. It is delivered when it was read, and that is stored
//! only then; what a turn took and did not read goes to the next one. Whether a thread has read something is asked of the
//! thread where it is not known: after a crash, or when a request was not answered.

use patchrelay_domain::{IssueFacts, ObservationKind, PendingInput, TurnId, prompt};
use patchrelay_ports::{AgentSession, Message, Told};
use tracing::{debug, warn};

use super::{Halt, RunTask, ended_by_agent};
use crate::{
    error::chain,
    observe::{News, observe},
};

/// What became of telling the agent of one run something.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// The numbers of the inputs that the turn under way took, or may have taken, and has not read as far as is known.
    taken: Vec<u64>,
    /// The numbers of those that an earlier turn may have read.
    in_doubt: Vec<u64>,
}

impl Telling {
    /// The turn is over. What it took and is not known to have read is in doubt.
    pub(super) fn turn_ended(&mut self) {
        self.in_doubt.append(&mut self.taken);
    }
}

impl RunTask {
    /// Tells the turn what is pending and was not told to it.
    pub(super) async fn deliver(
        &self,
        session: &mut dyn AgentSession,
        turn: &TurnId,
        inputs: &[u64],
        telling: &mut Telling,
    ) -> Result<(), Halt> {
        let is_new = |seq: &u64| !telling.taken.contains(seq);
        if !inputs.iter().any(is_new) {
            return Ok(());
        }
        let pending = match self.context.ports.store.load(&self.issue).await {
            Ok(stored) => stored.map(|stored| stored.facts.pending).unwrap_or_default(),
            // They stay pending, and are looked at again with the next change.
            Err(error) => {
                warn!(run = %self.run, error = %chain(&error), "what humans said cannot be told now");
                return Ok(());
            }
        };
        let wanted = |input: &&PendingInput| inputs.contains(&input.seq) && is_new(&input.seq);
        let pending: Vec<_> = pending.iter().filter(wanted).cloned().collect();
        for input in pending {
            if telling.in_doubt.contains(&input.seq) {
                let ids = [input.message_id()];
                match self.unless_stopped(session.told(&ids)).await? {
                    Ok(known) => {
                        telling.in_doubt.retain(|seq| *seq != input.seq);
                        if !known.is_empty() {
                            self.delivered(turn, input.seq).await?;
                            continue;
                        }
                    }
                    Err(error) => {
                        warn!(run = %self.run, error = %chain(&error), "it is not known whether the agent was told");
                        return Ok(());
                    }
                }
            }
            let message = Message {
                id: input.message_id(),
                text: prompt::message(&prompt::Input::from(&input)).to_string(),
            };
            match self.unless_stopped(session.tell(&message)).await? {
                Ok(Told::Taken) => telling.taken.push(input.seq),
                Ok(Told::NoTurn) => {
                    debug!(run = %self.run, input = input.seq, "no turn takes a message now");
                    return Ok(());
                }
                // Perhaps it was taken. If so, the agent says so when it reads it.
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "the agent did not confirm a message");
                    telling.taken.push(input.seq);
                }
            }
        }
        Ok(())
    }

    /// The turn has read a message.
    pub(super) async fn heard_message(
        &self,
        turn: &TurnId,
        message: &str,
        telling: &mut Telling,
    ) -> Result<(), Halt> {
        let is_it = |seq: &u64| PendingInput::message_id_of(*seq) == message;
        let Some(seq) = telling.taken.iter().copied().find(is_it) else { return Ok(()) };
        telling.taken.retain(|taken| *taken != seq);
        self.delivered(turn, seq).await
    }

    /// Stores that the agent was told this.
    async fn delivered(&self, turn: &TurnId, seq: u64) -> Result<(), Halt> {
        loop {
            let news = News {
                issue: self.issue.clone(),
                project: self.project.id.clone(),
                correlation: self.run.to_string(),
                kinds: vec![ObservationKind::InputDelivered {
                    run: self.run.clone(),
                    turn: turn.clone(),
                    inputs: vec![seq],
                }],
                deliveries: Vec::new(),
            };
            match observe(&self.context, news).await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "that a message was read could not be stored; trying again");
                    self.before_store_retry().await?;
                }
            }
        }
    }

    /// What the run has taken up of what humans said, what was told to its earlier turns included.
    pub(super) async fn taken_up(
        &self,
        claimed: &IssueFacts,
        is_first_turn: bool,
    ) -> Result<Vec<PendingInput>, Halt> {
        if is_first_turn {
            return Ok(claimed.slot.iter().flat_map(|slot| slot.inputs.clone()).collect());
        }
        loop {
            match self.context.ports.store.load(&self.issue).await {
                Ok(stored) => {
                    let slot = stored.and_then(|stored| stored.facts.slot);
                    return Ok(slot.map(|slot| slot.inputs).unwrap_or_default());
                }
                Err(error) => {
                    warn!(run = %self.run, error = %chain(&error), "what humans said cannot be read yet");
                    self.before_store_retry().await?;
                }
            }
        }
    }

    /// Which of these inputs the open thread does not know yet: what it read before a crash is not said again.
    pub(super) async fn unheard(
        &self,
        session: &mut dyn AgentSession,
        inputs: Vec<PendingInput>,
    ) -> Result<Vec<PendingInput>, Halt> {
        if inputs.is_empty() {
            return Ok(inputs);
        }
        let ids: Vec<_> = inputs.iter().map(PendingInput::message_id).collect();
        let known = self.lease.guard(session.told(&ids)).await?;
        let known = known.map_err(|error| Halt::with(ended_by_agent(&error)))?;
        Ok(inputs.into_iter().filter(|input| !known.contains(&input.message_id())).collect())
    }
}
