"""What is kept of texts: models of words, vocabularies, corpora."""

from __future__ import annotations

import array
import collections
import html
import math
import re
import string
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import REVIEWS, WORDS, kept, read_back
from tests.honest.writers import File, Make, made, possible


def text_files() -> Iterator[File]:
    """gensim and nltk, vocabularies and corpora."""
    import gensim
    import nltk
    from gensim import corpora, models, similarities
    from nltk import classify, lm, probability, stem, tag, tokenize

    words = [line.replace(",", "").split() for line in REVIEWS]
    dictionary = corpora.Dictionary(words)
    bags = [dictionary.doc2bow(line) for line in words]
    tagged = [[("the", "DT"), ("battery", "NN"), ("lasts", "VB")], [("good", "JJ"), ("day", "NN")]]
    labelled = [({"good": True, "n": 3}, "pos"), ({"good": False, "n": 2}, "neg")] * 2

    def counted() -> Any:
        train, vocabulary = lm.preprocessing.padded_everygram_pipeline(2, words[:4])
        out = lm.KneserNeyInterpolated(2)
        out.fit(train, vocabulary)
        return out

    def maximum() -> Any:
        train, vocabulary = lm.preprocessing.padded_everygram_pipeline(2, words[:4])
        out = lm.MLE(2)
        out.fit(train, vocabulary)
        return out

    def brill() -> Any:
        trainer = tag.BrillTaggerTrainer(tag.UnigramTagger(tagged), tag.brill.fntbl37())
        return trainer.train(tagged, max_rules=2)

    def perceptron() -> Any:
        out = tag.PerceptronTagger(load=False)
        out.train(tagged, nr_iter=1)
        return out

    def own_save(label: str, make: Make) -> Iterator[File]:
        with tempfile.TemporaryDirectory() as folder:
            made(make).save(str(Path(folder) / "gensim.model"))
            yield from read_back(Path(folder), label)

    learned: dict[str, Make] = {
        "word2vec": lambda: models.Word2Vec(words, vector_size=6, min_count=1, sg=1),
        "word2vec_hs": lambda: models.Word2Vec(words, vector_size=4, min_count=1, hs=1, negative=0),
        "doc2vec": lambda: models.Doc2Vec(
            [models.doc2vec.TaggedDocument(w, [f"d{i}"]) for i, w in enumerate(words)],
            vector_size=4,
            min_count=1,
        ),
        "fasttext": lambda: models.FastText(words, vector_size=4, min_count=1, bucket=30),
        "vectors": lambda: models.Word2Vec(words, vector_size=4, min_count=1).wv,
        "lda": lambda: models.LdaModel(bags, 2, dictionary, iterations=5),
        "lda_workers": lambda: models.LdaMulticore(bags, 2, dictionary, workers=1),
        "lsi": lambda: models.LsiModel(bags, 2, dictionary),
        "hdp": lambda: models.HdpModel(bags, dictionary),
        "nmf": lambda: models.Nmf(bags, 2, dictionary),
        "tfidf": lambda: models.TfidfModel(bags, smartirs="ntc"),
        "bm25": lambda: models.OkapiBM25Model(dictionary=dictionary),
        "phrases": lambda: models.Phrases(words, min_count=1, threshold=1),
        "phraser": lambda: models.phrases.Phraser(models.Phrases(words, min_count=1, threshold=1)),
        "dictionary": lambda: dictionary,
        "similarity": lambda: similarities.MatrixSimilarity(bags, num_features=len(dictionary)),
        "similarity_sparse": lambda: similarities.SparseMatrixSimilarity(
            bags, num_features=len(dictionary)
        ),
        "projections": lambda: models.RpModel(bags, dictionary, 3),
        "entropy": lambda: models.LogEntropyModel(bags),
    }
    yield from possible(learned, own_save)
    things: dict[str, Make] = {
        **{f"pickled_{name}": make for name, make in learned.items()},
        "topics": lambda: {
            "dictionary": dictionary,
            "corpus": bags,
            "lda": models.LdaModel(bags, 2, dictionary, iterations=2),
            "labels": {0: "sound", 1: "power"},
        },
        "tagged_documents": lambda: [models.doc2vec.TaggedDocument(["a", "b"], [1])],
        "frequencies": lambda: nltk.FreqDist(w for line in words for w in line),
        "conditional": lambda: nltk.ConditionalFreqDist(nltk.bigrams(words[0])),
        "bayes": lambda: nltk.NaiveBayesClassifier.train(labelled),
        "tree": lambda: nltk.DecisionTreeClassifier.train(labelled, entropy_cutoff=0),
        "maxent": lambda: nltk.MaxentClassifier.train(labelled, max_iter=2, trace=0),
        "positive": lambda: classify.PositiveNaiveBayesClassifier.train(
            [{"a": True}], [{"a": False}, {"b": True}]
        ),
        "scikit": lambda: classify.SklearnClassifier(
            __import__("sklearn.naive_bayes", fromlist=["x"]).BernoulliNB()
        ).train(labelled),
        "taggers": lambda: tag.BigramTagger(
            tagged, backoff=tag.UnigramTagger(tagged, backoff=tag.DefaultTagger("NN"))
        ),
        "regexp_tagger": lambda: tag.RegexpTagger([(r".*ing$", "VBG"), (r".*", "NN")]),
        "affix": lambda: tag.AffixTagger(tagged, affix_length=-2, min_stem_length=0),
        "brill": brill,
        "perceptron": perceptron,
        "hmm_tagger": lambda: tag.hmm.HiddenMarkovModelTagger.train(tagged),
        "tnt": lambda: (lambda t: (t.train(tagged), t)[1])(tag.tnt.TnT()),
        "stemmers": lambda: [
            stem.PorterStemmer(),
            stem.SnowballStemmer("english"),
            stem.LancasterStemmer(),
            stem.RegexpStemmer("ing$"),
            stem.ISRIStemmer(),
        ],
        "lemmatizer": lambda: stem.WordNetLemmatizer(),
        "tokenizers": lambda: [
            tokenize.TweetTokenizer(),
            tokenize.TreebankWordTokenizer(),
            tokenize.RegexpTokenizer(r"\w+|\$"),
            tokenize.WhitespaceTokenizer(),
            tokenize.MWETokenizer([("a", "lot")]),
            tokenize.SpaceTokenizer(),
        ],
        "punkt": lambda: tokenize.punkt.PunktTrainer(
            "Dr. Who came. He left. Mr. X stayed."
        ).get_params(),
        "punkt_tokenizer": lambda: tokenize.PunktSentenceTokenizer("Dr. Who came. He left."),
        "language": counted,
        "maximum": maximum,
        "vocabulary": lambda: lm.Vocabulary(["a", "b", "a"], unk_cutoff=2),
        "grammar": lambda: nltk.CFG.fromstring("S -> NP V\nNP -> 'dogs'\nV -> 'bark'"),
        "parse": lambda: nltk.Tree.fromstring("(S (NP (N dogs)) (VP bark))"),
        "chunker": lambda: nltk.RegexpParser("NP: {<DT>?<NN>}"),
        "collocations": lambda: nltk.BigramCollocationFinder.from_words(words[0]),
        "probability": lambda: [
            probability.LidstoneProbDist(nltk.FreqDist("aab"), 0.1, 5),
            probability.MLEProbDist(nltk.FreqDist("ab")),
        ],
        "text": lambda: nltk.Text(words[0]),
        "ngrams": lambda: list(nltk.ngrams(words[0], 3)),
        "markov": lambda: collections.defaultdict(list, {("a", "b"): ["c"]}),
        "nested_counts": lambda: collections.defaultdict(
            collections.Counter, {"the": collections.Counter({"dog": 3})}
        ),
        "vocab": lambda: {
            "stoi": {w: i for i, w in enumerate(WORDS)},
            "itos": WORDS,
            "freqs": collections.Counter(w for line in words for w in line),
            "specials": ("<pad>", "<unk>"),
            "pattern": re.compile(r"[^a-z ]+", re.I),
        },
        "char_map": lambda: ({c: i for i, c in enumerate(sorted(set("".join(REVIEWS))))}, "\n"),
        "translate": lambda: {
            "table": str.maketrans("", "", string.punctuation),
            "clean": [str.lower, str.strip, html.unescape, unicodedata.normalize],
        },
        "glove": lambda: {"king": array.array("f", [0.1, 0.2]), "queen": array.array("f", [0.3])},
        "index": lambda: {
            "postings": collections.defaultdict(set, {"a": {1, 2}}),
            "lengths": [3, 4],
            "idf": {"a": math.log(2)},
            "titles": ("A", "B"),
        },
        "utils": lambda: [gensim.utils.simple_preprocess, gensim.parsing.preprocessing.STOPWORDS],
    }
    yield from possible(things, kept)
