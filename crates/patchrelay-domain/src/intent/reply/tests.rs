use super::*;

#[test]
fn a_reply_is_read_as_one_only_if_it_says_nothing_more() {
    let yes = [
        "yes",
        "Yes!",
        "yes, please",
        "ok",
        "Okay.",
        "go on",
        "Go ahead, please.",
        "yes, publish it",
        "Publish it.",
        "approved",
        "@patchrelay yes",
        "LGTM",
        "do it",
        "Yes, do that now. Thanks!",
        "looks good, ship it",
    ];
    let no = [
        "no",
        "No.",
        "No, thanks",
        "nope",
        "don't",
        "Don’t publish it",
        "please do not",
        "not now",
        "not yet",
        "no, do not publish this",
        "never",
        "@patchrelay: no",
    ];
    let more = [
        "",
        "  ",
        "!",
        "👍",
        "yes, but use the other table",
        "no, use the other table",
        "do not use unwrap",
        "publish the docs",
        "not sure",
        "it",
        "thanks",
        "please",
        "ok ok ok ok ok ok ok ok ok",
        "nothing",
        "y e s",
    ];
    let table = yes.map(|text| (text, Some(Reply::Yes)));
    let table = table.into_iter().chain(no.map(|text| (text, Some(Reply::No))));
    for (text, expected) in table.chain(more.map(|text| (text, None))) {
        assert_eq!(reply(text, &["patchrelay"]), expected, "{text:?}");
    }
}
