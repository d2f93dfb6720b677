"""What users of transformers keep."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import (
    REVIEWS,
    TINY,
    WORDS,
    fast_tokenizer,
    kept,
    read_back,
    trained,
)
from tests.honest.writers import File, Make, made, possible


def hub_files() -> Iterator[File]:
    """transformers: whole models, tokenizers, outputs, and the files that its Trainer writes."""
    import numpy as np
    import torch
    import transformers as hf
    from transformers import modeling_outputs, trainer_callback, trainer_utils

    def model(name: str, config: str, **options: Any) -> Any:
        return getattr(hf, name)(getattr(hf, config)(**{**TINY, **options}))

    small = {"n_embd": 8, "n_layer": 1, "n_head": 2, "vocab_size": 32, "n_positions": 32}
    picture = {"image_size": 16, "patch_size": 8, "num_channels": 3}
    t5 = {"d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 32}
    bart = {
        "d_model": 8,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 8,
        "decoder_ffn_dim": 8,
    }

    def question_answering() -> Any:
        return model("BertForQuestionAnswering", "BertConfig")

    models: dict[str, Make] = {
        "bert_classifier": lambda: model(
            "BertForSequenceClassification",
            "BertConfig",
            num_labels=3,
            id2label={0: "neg", 1: "neu", 2: "pos"},
        ),
        "bert_tokens": lambda: model("BertForTokenClassification", "BertConfig", num_labels=5),
        "bert_answers": question_answering,
        "bert_masked": lambda: model("BertForMaskedLM", "BertConfig"),
        "roberta": lambda: model("RobertaForSequenceClassification", "RobertaConfig"),
        "xlm_roberta": lambda: model("XLMRobertaModel", "XLMRobertaConfig"),
        "deberta": lambda: model("DebertaV2Model", "DebertaV2Config"),
        "distilbert": lambda: hf.DistilBertForSequenceClassification(
            hf.DistilBertConfig(dim=8, n_layers=1, n_heads=2, hidden_dim=16, vocab_size=32)
        ),
        "electra": lambda: model("ElectraForSequenceClassification", "ElectraConfig"),
        "gpt2": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**small)),
        "gpt_neo": lambda: hf.GPTNeoForCausalLM(
            hf.GPTNeoConfig(
                vocab_size=32,
                hidden_size=8,
                num_layers=1,
                num_heads=2,
                attention_types=[[["global"], 1]],
            )
        ),
        "gpt_neox": lambda: model("GPTNeoXForCausalLM", "GPTNeoXConfig"),
        "llama": lambda: model("LlamaForCausalLM", "LlamaConfig", num_key_value_heads=1),
        "qwen3": lambda: model(
            "Qwen3ForCausalLM", "Qwen3Config", num_key_value_heads=1, head_dim=4
        ),
        "gemma2": lambda: model(
            "Gemma2ForCausalLM", "Gemma2Config", num_key_value_heads=1, head_dim=4
        ),
        "phi3": lambda: model(
            "Phi3ForCausalLM", "Phi3Config", num_key_value_heads=2, pad_token_id=0
        ),
        "mixtral": lambda: model(
            "MixtralForCausalLM", "MixtralConfig", num_key_value_heads=1, num_local_experts=2
        ),
        "falcon": lambda: model("FalconForCausalLM", "FalconConfig"),
        "bloom": lambda: hf.BloomForCausalLM(
            hf.BloomConfig(vocab_size=32, hidden_size=8, n_layer=1, n_head=2)
        ),
        "opt": lambda: hf.OPTForCausalLM(
            hf.OPTConfig(
                vocab_size=32,
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                ffn_dim=8,
                word_embed_proj_dim=8,
                max_position_embeddings=32,
            )
        ),
        "mamba": lambda: hf.MambaForCausalLM(
            hf.MambaConfig(vocab_size=32, hidden_size=8, num_hidden_layers=1, state_size=4)
        ),
        "t5": lambda: hf.T5ForConditionalGeneration(hf.T5Config(**t5)),
        "mt5": lambda: hf.MT5EncoderModel(hf.MT5Config(**t5)),
        "bart": lambda: hf.BartForConditionalGeneration(hf.BartConfig(vocab_size=60, **bart)),
        "marian": lambda: hf.MarianMTModel(hf.MarianConfig(vocab_size=60, pad_token_id=59, **bart)),
        "pegasus": lambda: hf.PegasusForConditionalGeneration(
            hf.PegasusConfig(vocab_size=60, **bart)
        ),
        "vit": lambda: model("ViTForImageClassification", "ViTConfig", **picture),
        "deit": lambda: model("DeiTForImageClassification", "DeiTConfig", **picture),
        "beit": lambda: model("BeitForImageClassification", "BeitConfig", **picture),
        "dinov2": lambda: model("Dinov2Model", "Dinov2Config", **picture),
        "convnext": lambda: hf.ConvNextForImageClassification(
            hf.ConvNextConfig(hidden_sizes=[4, 8], depths=[1, 1], num_stages=2)
        ),
        "resnet": lambda: hf.ResNetForImageClassification(
            hf.ResNetConfig(
                embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"
            )
        ),
        "mobilenet": lambda: hf.MobileNetV2Model(hf.MobileNetV2Config(depth_multiplier=0.1)),
        "segformer": lambda: hf.SegformerForSemanticSegmentation(
            hf.SegformerConfig(
                num_encoder_blocks=1,
                depths=[1],
                sr_ratios=[1],
                hidden_sizes=[8],
                patch_sizes=[3],
                strides=[2],
                num_attention_heads=[1],
                mlp_ratios=[2],
                decoder_hidden_size=8,
            )
        ),
        "clip": lambda: hf.CLIPModel(
            hf.CLIPConfig(text_config=TINY, vision_config={**TINY, **picture}, projection_dim=4)
        ),
        "wav2vec2": lambda: hf.Wav2Vec2ForCTC(
            hf.Wav2Vec2Config(
                **TINY,
                conv_dim=(8,),
                conv_stride=(2,),
                conv_kernel=(3,),
                num_feat_extract_layers=1,
                num_conv_pos_embeddings=4,
                num_conv_pos_embedding_groups=2,
            )
        ).state_dict(),
        "whisper": lambda: hf.WhisperForConditionalGeneration(
            hf.WhisperConfig(
                vocab_size=60,
                num_mel_bins=8,
                max_source_positions=8,
                max_target_positions=8,
                pad_token_id=0,
                decoder_start_token_id=1,
                bos_token_id=1,
                eos_token_id=2,
                **bart,
            )
        ),
        "longformer": lambda: model("LongformerModel", "LongformerConfig", attention_window=4),
        "layoutlm": lambda: model("LayoutLMForTokenClassification", "LayoutLMConfig"),
        "half": lambda: model("BertModel", "BertConfig").half().eval(),
        "custom_act": lambda: model("BertModel", "BertConfig", hidden_act="quick_gelu"),
        "bundle": lambda: {
            "model": question_answering(),
            "tokenizer": fast_tokenizer(),
            "label_map": {"LABEL_0": "no"},
            "max_len": 32,
        },
        "wrapped": lambda: torch.nn.ModuleDict(
            {"bert": model("BertModel", "BertConfig"), "head": torch.nn.Linear(8, 2)}
        ),
        "dynamic": lambda: torch.ao.quantization.quantize_dynamic(
            model("BertModel", "BertConfig"), {torch.nn.Linear}, dtype=torch.qint8
        ),
        "state": lambda: model("BertModel", "BertConfig").state_dict(),
    }
    yield from possible(models, trained)

    def encoded() -> Any:
        return fast_tokenizer()(
            ["the battery lasts", "a bad film"], padding=True, return_tensors="pt"
        )

    parts: dict[str, Make] = {
        "config_bert": lambda: hf.BertConfig(num_labels=4, label2id={"a": 0}),
        "config_many": lambda: [
            hf.LlamaConfig(),
            hf.ViTConfig(),
            hf.CLIPConfig(),
            hf.T5Config(),
            hf.Wav2Vec2Config(),
            hf.LlavaConfig(),
        ],
        "config_dtype": lambda: hf.MistralConfig(dtype=torch.bfloat16),
        "tokenizer_fast": fast_tokenizer,
        "tokenizer_bert": lambda: hf.BertTokenizerFast(vocab={w: i for i, w in enumerate(WORDS)}),
        "tokenizer_byt5": lambda: hf.ByT5Tokenizer(),
        "tokenizer_canine": lambda: hf.CanineTokenizer(),
        "added": lambda: (
            lambda t: (
                t.add_tokens(["<new>"]),
                t.add_special_tokens({"additional_special_tokens": ["<a>"]}),
                t,
            )[2]
        )(fast_tokenizer()),
        "encoded": encoded,
        "encoded_list": lambda: fast_tokenizer()(REVIEWS[:3], truncation=True, max_length=8),
        "encoded_dict": lambda: dict(encoded()),
        "features": lambda: [{"input_ids": [1, 2], "label": 0}] * 3,
        "output": lambda: model("BertForSequenceClassification", "BertConfig")(**encoded()),
        "hidden": lambda: model("BertModel", "BertConfig")(output_hidden_states=True, **encoded()),
        "lm_output": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**small))(torch.tensor([[1, 2, 3]])),
        "cache": lambda: hf.DynamicCache(),
        "arguments": lambda: hf.TrainingArguments(
            "out", per_device_train_batch_size=8, eval_strategy="steps", use_cpu=True, optim="sgd"
        ),
        "arguments_generate": lambda: hf.Seq2SeqTrainingArguments(
            "out", predict_with_generate=True, use_cpu=True, generation_config=hf.GenerationConfig()
        ),
        "trainer_state": lambda: trainer_callback.TrainerState(
            epoch=2.0, log_history=[{"loss": 0.5, "step": 10}], best_metric=0.9
        ),
        "generation": lambda: hf.GenerationConfig(do_sample=True, top_p=0.9, bos_token_id=1),
        "prediction": lambda: trainer_utils.PredictionOutput(
            np.ones((2, 2)), np.array([0, 1]), {"test_loss": 0.5}
        ),
        "best_run": lambda: trainer_utils.BestRun("3", 0.8, {"lr": 1e-4}),
        "train_output": lambda: trainer_utils.TrainOutput(10, 0.4, {"epoch": 1.0}),
        "collator": lambda: hf.DataCollatorWithPadding(fast_tokenizer()),
        "collator_masked": lambda: hf.DataCollatorForLanguageModeling(
            fast_tokenizer(), mlm_probability=0.15
        ),
        "default_collator": lambda: [
            hf.default_data_collator,
            hf.set_seed,
            hf.DefaultDataCollator(),
        ],
        "image_processor": lambda: hf.ViTImageProcessor(size={"height": 16, "width": 16}),
        "image_processors": lambda: [hf.CLIPImageProcessor(), hf.DetrImageProcessor()],
        "extractor": lambda: hf.Wav2Vec2FeatureExtractor(),
        "extractor_whisper": lambda: hf.WhisperFeatureExtractor(feature_size=8),
        "pixel": lambda: hf.BatchFeature({"pixel_values": torch.zeros(1, 3, 4, 4)}),
        "schedule": lambda: hf.get_cosine_schedule_with_warmup(
            torch.optim.AdamW(torch.nn.Linear(1, 1).parameters()), 2, 10
        ),
        "quantization": lambda: hf.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_compute_dtype=torch.float16
        ),
        "callbacks": lambda: [
            hf.EarlyStoppingCallback(3),
            hf.PrinterCallback(),
            trainer_callback.TrainerControl(True),
        ],
        "pipeline": lambda: hf.pipeline(
            "text-classification",
            model=model("BertForSequenceClassification", "BertConfig"),
            tokenizer=fast_tokenizer(),
        ),
        "stopping": lambda: hf.StoppingCriteriaList([hf.MaxLengthCriteria(5)]),
        "processors": lambda: hf.LogitsProcessorList(
            [hf.TemperatureLogitsWarper(0.7), hf.TopPLogitsWarper(0.9)]
        ),
        "outputs": lambda: [
            modeling_outputs.Seq2SeqLMOutput(logits=torch.ones(1)),
            modeling_outputs.ImageClassifierOutput(loss=torch.tensor(1.0)),
        ],
    }
    yield from possible({f"part_{name}": make for name, make in parts.items()}, kept)
    yield from possible(
        {
            f"part_{n}": parts[n]
            for n in ("encoded", "arguments", "output", "hidden", "trainer_state", "schedule")
        },
        trained,
    )

    def trainer(label: str, make: Any) -> Iterator[File]:
        with tempfile.TemporaryDirectory() as folder:
            made(lambda: make(folder))
            yield from read_back(Path(folder), label)

    def classify(folder: str, **options: Any) -> None:
        rows = [{"input_ids": [2, 5 + i, 3], "labels": i % 2} for i in range(6)]
        arguments = hf.TrainingArguments(
            folder,
            max_steps=2,
            save_steps=2,
            per_device_train_batch_size=2,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            **options,
        )
        run = hf.Trainer(
            model("BertForSequenceClassification", "BertConfig"),
            arguments,
            train_dataset=rows,
            eval_dataset=rows,
        )
        run.train()
        run.save_model(folder)

    runs: dict[str, Any] = {
        "trainer": classify,
        "trainer_cosine": lambda f: classify(f, lr_scheduler_type="cosine", optim="adafactor"),
        "trainer_eval": lambda f: classify(
            f,
            eval_strategy="steps",
            eval_steps=1,
            optim="sgd",
            lr_scheduler_type="reduce_lr_on_plateau",
        ),
    }
    yield from possible(runs, trainer)
