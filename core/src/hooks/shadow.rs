//! Rules on trial: what somebody would have decided, beside what was decided.

use super::bus::Verdict;
use super::{Call, Decision, Event};

/// Logs what a hook on trial said of an event: loudly if it differs from the verdict.
pub(super) fn compare(
    who: &str,
    call: &Call,
    event: &Event,
    said: Option<Decision>,
    verdict: &Verdict,
) {
    let (live, shadow) = (word_of(verdict), said.as_ref().map_or("failed", word));
    let (user, path) = (event.fields.text("user"), event.fields.text("path"));
    let text = match &said {
        Some(Decision::Deny { message, .. }) => Some(message.as_str()),
        _ => None,
    };
    let (event, request) = (&*event.name, &*call.request_id);
    if live == shadow {
        tracing::debug!(shadow = who, event, request, decision = live, "a rule on trial agrees");
    } else {
        tracing::info!(
            shadow = who,
            event,
            request,
            user,
            path,
            live,
            would = shadow,
            text,
            "a rule on trial would have decided otherwise"
        );
    }
}

/// In one word, as people compare them: not to mind is to let it happen.
fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Next | Decision::Allow => "allow",
        Decision::Deny { .. } => "deny",
        Decision::Replace(_) => "replace",
        Decision::Respond(_) => "respond",
    }
}

fn word_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Go(fields) if fields.is_empty() => "allow",
        Verdict::Go(_) => "replace",
        Verdict::Denied(_) => "deny",
        Verdict::Failed => "failed",
        Verdict::Respond(_) => "respond",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::{Denial, Fields};

    #[test]
    fn verdicts_and_decisions_have_the_same_words() {
        let denial = Denial::new(None, "no").expect("a good denial");
        for (decision, verdict) in [
            (Decision::Next, Verdict::Go(Fields::new())),
            (Decision::Allow, Verdict::Go(Fields::new())),
            (Decision::deny("no"), Verdict::Denied(denial)),
            (
                Decision::Replace(Fields::new().with("to", "b")),
                Verdict::Go(Fields::new().with("to", "b")),
            ),
        ] {
            assert_eq!(word(&decision), word_of(&verdict));
        }
    }
}
