"""Speech: what is said in an utterance."""

from tilth.tasks.declare import Data, Declaration, Metric

UTTERANCES = Data(
    "tilth.tasks.speech.utterances",
    "audio",
    "utterances",
    sheet="tilth.tasks.speech.sheet",
    reads=("sample_rate", "mels"),
)

TASK = Declaration(
    name="speech-recognition",
    data=UTTERANCES,
    interface="frames",
    metrics=(
        Metric(
            "wer",
            "word error rate (%)",
            "%",
            lower_is_better=True,
            called="word error rate",
        ),
        Metric("cer", "character error rate (%)", "%", lower_is_better=True),
        Metric("exact", "wholly right (%)", "%"),
    ),
    transforms=("audio", "features"),
    verb="transcribe",
    answer="target",
    use="writing down recordings like those it was trained on (`tilth transcribe`)",
    pipeline="automatic-speech-recognition",
    needs=("soundfile",),
    objective=("lexicon",),
)
