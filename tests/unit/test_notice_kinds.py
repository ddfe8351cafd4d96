"""What messages say, and what none of them may say."""

import pytest

from casework.notices.kinds import FIELD_LABELS, KINDS, LISTS, TEMPLATES, page_of, template_data, text_of

FIELDS = {
    "number": "1234 5678 9012",
    "village": "测试乡 测试村",
    "name": "测**",
    "due": "2026年9月11日 23:59",
    "status": "等待干部上门核实",
    "at": "2026年9月4日 10:00",
}
PERSONAL = {
    "phone": "13800000001",
    "id_no": "000000196001010013",
    "address": "测试路一号",
    "risks": "因病",
    "statement": "测试用情况说明",
    "applicant_name": "测试甲",
}


def test_messages_may_carry_these_fields_and_no_others() -> None:
    assert set(FIELD_LABELS) == set(FIELDS)
    for kind in KINDS.values():
        assert set(kind.fields) <= set(FIELD_LABELS)
    for template in TEMPLATES.values():
        assert set(template.keywords) <= set(FIELD_LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_has_title_and_labelled_lines_in_order(kind: str) -> None:
    title, *lines = text_of(kind, FIELDS).splitlines()
    assert title == f"【{KINDS[kind].title}】"
    assert lines == [f"{FIELD_LABELS[name]}：{FIELDS[name]}" for name in KINDS[kind].fields]


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_leaves_out_what_is_not_there(kind: str) -> None:
    assert text_of(kind, {}) == f"【{KINDS[kind].title}】"
    assert "受理编号" not in text_of(kind, {**FIELDS, "number": ""})


@pytest.mark.parametrize("kind", [key for key, kind in KINDS.items() if kind.template])
def test_every_keyword_of_the_template_has_a_value(kind: str) -> None:
    keywords = TEMPLATES[str(KINDS[kind].template)].keywords
    full = template_data(kind, FIELDS, keywords)
    assert full == {keyword: FIELDS[name] for name, keyword in keywords.items()}
    bare = template_data(kind, {}, keywords)
    assert set(bare) == set(keywords.values())
    assert bare[keywords["status"]] == KINDS[kind].title
    assert {v for k, v in bare.items() if k != keywords["status"]} == {"—"}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_personal_gets_into_a_message_even_when_it_is_handed_in(kind: str) -> None:
    keywords = {name: f"thing{n}" for n, name in enumerate([*FIELDS, *PERSONAL])}
    shown = text_of(kind, FIELDS | PERSONAL) + str(template_data(kind, FIELDS | PERSONAL, keywords))
    assert [value for value in PERSONAL.values() if value in shown] == []


def test_an_account_may_have_other_keywords() -> None:
    assert template_data("task_new", FIELDS, {"number": "number9", "due": "date2"}) == {
        "number9": FIELDS["number"],
        "date2": FIELDS["due"],
    }


def test_only_the_word_of_receipt_may_wait() -> None:
    assert [kind for kind in KINDS if KINDS[kind].delay] == ["report_received"]


@pytest.mark.parametrize("kind", KINDS)
def test_titles_fit_a_line_of_a_template(kind: str) -> None:
    assert 0 < len(KINDS[kind].title) <= 20
    assert KINDS[kind].template in {None, *TEMPLATES}


def test_a_message_leads_to_the_page_of_what_it_is_about() -> None:
    assert page_of("report_received", "intake:i1") == {"name": "report", "id": "i1"}
    assert page_of("task_new", "task:t1") == {"name": "task", "id": "t1"}
    assert page_of("staff_welcome", "staff:s1") == {"name": "tasks"}
    assert page_of("binding_moved", "staff:s1") == {"name": "inbox"}
    assert set(LISTS) <= set(KINDS)
