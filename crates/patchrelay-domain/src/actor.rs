//! Who says or does something from outside, and whether they may instruct us (D36).

use serde::{Deserialize, Serialize};

use crate::{prompt::Trust, text::visible};

/// Somebody, or some program, from whom a text or an event comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The id that their source gave them and never gives to another. Not a login, which can be renamed.
    pub id: String,
    /// What they are called: for people to read, never to decide by. Anybody can take any name.
    pub name: Option<String>,
    /// Their e-mail, only if its source has verified it.
    pub email: Option<String>,
    /// What their source says they are.
    pub standing: Standing,
}

impl Actor {
    /// What people call them: the name, or the id of somebody without one.
    pub fn shown(&self) -> &str {
        self.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&self.id)
    }
}

/// What the source of an actor says they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Whoever runs this PatchRelay.
    Operator,
    /// A member of the tracker's workspace.
    Member,
    /// Somebody whose permission on the repository is write or more.
    Writer,
    /// Anybody else.
    Outsider,
    /// We, recognised by the ids of what we wrote (N44).
    Ourselves,
    /// A program that is not us.
    Program,
}

/// Whom the operator lets instruct us. No entry in any of the lists: whoever belongs to the workspace or may write to
/// the repository. Any entry, be it blank: nobody who is not listed, because somebody meant to restrict it.
///
/// There is no list of names, on purpose. Who delegates a ticket is decided by the tracker: whoever may do that there starts
/// work here, listed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedActors {
    /// Ids, to the letter.
    pub ids: Vec<String>,
    /// E-mails, without regard to case.
    pub emails: Vec<String>,
    /// Ids of programs that may instruct us, such as a review bot. They restrict nobody else, and no other list admits a
    /// program.
    pub programs: Vec<String>,
    /// What stands behind the `@` of an e-mail, whole and without regard to case: `acme.com` is not `dev.acme.com`.
    pub email_domains: Vec<String>,
}

impl TrustedActors {
    fn is_empty(&self) -> bool {
        let Self { ids, emails, email_domains, programs: _ } = self;
        ids.is_empty() && emails.is_empty() && email_domains.is_empty()
    }

    fn lists_id(&self, actor: &Actor) -> bool {
        !actor.id.trim().is_empty() && self.ids.contains(&actor.id)
    }

    fn lists_email(&self, actor: &Actor) -> bool {
        let Some((local, domain)) = actor.email.as_deref().and_then(address) else { return false };
        let is_listed = |listed: &String| {
            address(listed).is_some_and(|(listed_local, listed_domain)| {
                local.eq_ignore_ascii_case(listed_local)
                    && domain.eq_ignore_ascii_case(listed_domain)
            })
        };
        self.emails.iter().any(is_listed)
            || self.email_domains.iter().any(|listed| domain.eq_ignore_ascii_case(listed.trim()))
    }
}

/// Whether what this actor says is an instruction to us.
///
/// The operator always may, and we never instruct ourselves. A program may only if its id is listed: somebody who wrote
/// that id knows what the program passes on, whereas an e-mail or a domain is shared by every robot of a company, and
/// robots repeat what anybody told them. Everybody else: see [`TrustedActors`]. A list also lets in an outsider, because
/// it is what the operator wrote.
pub fn may_instruct(trusted: &TrustedActors, actor: &Actor) -> bool {
    let listed = || trusted.lists_id(actor) || trusted.lists_email(actor);
    match actor.standing {
        Standing::Operator => true,
        Standing::Ourselves => false,
        Standing::Program => trusted.programs.contains(&actor.id),
        Standing::Member | Standing::Writer => trusted.is_empty() || listed(),
        Standing::Outsider => listed(),
    }
}

/// What a text of this actor is worth in a prompt.
pub fn trust_of(trusted: &TrustedActors, actor: &Actor) -> Trust {
    if may_instruct(trusted, actor) {
        return Trust::Member;
    }
    match actor.standing {
        Standing::Program => Trust::Machine,
        Standing::Operator
        | Standing::Member
        | Standing::Writer
        | Standing::Outsider
        | Standing::Ourselves => Trust::Unknown,
    }
}

/// An e-mail in its two halves. `None` for whatever two readers could read as two different addresses: no or several
/// `@`, half of it missing, and anything blank, invisible or controlling within.
fn address(email: &str) -> Option<(&str, &str)> {
    if email.chars().any(char::is_control) || visible(email) != email {
        return None;
    }
    let email = email.trim();
    let (local, domain) = email.rsplit_once('@')?;
    let is_plain = !local.is_empty()
        && !domain.is_empty()
        && !local.contains('@')
        && !email.contains(char::is_whitespace);
    is_plain.then_some((local, domain))
}

#[cfg(test)]
mod tests;
