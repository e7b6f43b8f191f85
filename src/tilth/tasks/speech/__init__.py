"""Speech: what is said in an utterance."""

from tilth.tasks.declare import BY_EXACT, BY_JACKKNIFE, Data, Declaration, Metric

UTTERANCES = Data(
    "tilth.tasks.speech.utterances",
    "audio",
    "utterances",
    sheet="tilth.tasks.speech.sheet",
    reads=("sample_rate", "mels"),
)

_TESTS = "tests/tasks/test_metrics.py"
WER = Metric(
    "wer",
    "word error rate (%)",
    "%",
    lower_is_better=True,
    called="word error rate",
    about="Words inserted, left out and replaced, by the words of the transcripts. It may exceed "
    "100 %. Words are what white space parts; case and punctuation count.",
    rows="the transcripts of a held-out split, as given",
    interval=BY_JACKKNIFE,
    source="Levenshtein 1966 over words / words of the references, summed over the split",
    reference="jiwer's wer",
    test=f"{_TESTS}::test_word_and_character_error_rates_are_jiwers",
)
CER = Metric(
    "cer",
    "character error rate (%)",
    "%",
    lower_is_better=True,
    about="Characters inserted, left out and replaced, by the characters of the transcripts, "
    "blanks between words counted and those at the ends not. It may exceed 100 %.",
    rows="the transcripts of a held-out split, as given",
    interval=BY_JACKKNIFE,
    source="Levenshtein 1966 over characters / characters of the references, summed over the split",
    reference="jiwer's cer",
    test=f"{_TESTS}::test_word_and_character_error_rates_are_jiwers",
)
EXACT = Metric(
    "exact",
    "wholly right (%)",
    "%",
    about="Share of the utterances all of whose words are right.",
    rows="the utterances of a held-out split",
    interval=BY_EXACT,
    source="utterances without a word error / utterances",
    reference="jiwer's wer of each utterance, which is 0",
    test=f"{_TESTS}::test_wholly_right_is_where_jiwer_finds_no_error",
)
EXACT_GREEDY = Metric(
    "exact_greedy",
    "wholly right without the lexicon (%)",
    "%",
    about="Share of the utterances all of whose words would be right if they were spelt freely, "
    "not chosen from the lexicon. Given where there is a lexicon.",
    rows="the utterances of a held-out split",
    interval=BY_EXACT,
    source="utterances without a word error / utterances, of the likeliest symbol of each step",
    reference="jiwer's wer of each utterance, which is 0",
    test=f"{_TESTS}::test_wholly_right_is_where_jiwer_finds_no_error",
)

TASK = Declaration(
    name="speech-recognition",
    data=UTTERANCES,
    interface="frames",
    metrics=(WER, CER, EXACT, EXACT_GREEDY),
    transforms=("audio", "features"),
    verb="transcribe",
    answer="target",
    use="writing down recordings like those it was trained on (`tilth transcribe`)",
    pipeline="automatic-speech-recognition",
    needs=("soxr",),
    objective=("lexicon",),
)
