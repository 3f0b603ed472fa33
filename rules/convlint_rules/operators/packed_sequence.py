from __future__ import annotations

from convlint.events import PacksSequence
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(torch_export=Level.breaks, onnx_torchscript=Level.wrong, onnx_dynamo=Level.breaks)


class PackedSequence(Rule):
    """
    ## What it does
    Finds `nn.utils.rnn.pack_padded_sequence`, `pack_sequence` and `pad_packed_sequence` in what is exported.

    ## Why it breaks
    How sequences are packed depends on the values of their lengths. `torch.export` stops at it, and so does the dynamo
    ONNX exporter. The TorchScript ONNX exporter leaves the packing out, and `pad_packed_sequence` fills up to the
    padded length instead of the longest one: for other lengths the result has another shape than in eager. Of the four
    routes `torch.jit.trace` alone takes any lengths.

    ## Fix safety
    There is no fix. Run the recurrent layer on the padded batch and mask what is behind the ends; of a one-directional
    layer the outputs up to each length stay the same.

    ## References
    - pytorch/pytorch#112044
    """

    code, name, since = "CVL803", "packed-sequence", "0.1"
    events = (PacksSequence,)
    examples = [
        Example(
            bad=forward(
                """
                lengths = (x[:, :, 0] > 0.5).sum(1).clamp(min=1)
                packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)  # <-
                return nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)[0] * 2  # <-
                """,
            ),
            good=forward(
                """
                lengths = (x[:, :, 0] > 0.5).sum(1).clamp(min=1)
                inside = torch.arange(x.shape[1]) < lengths[:, None]
                return torch.where(inside[:, :, None], x, torch.zeros_like(x)) * 2
                """,
            ),
            inputs="x: float32[3, 6, 4]",
            harm=HARM,
            same_in_eager=False,
        ),
    ]

    def check(self, event: PacksSequence, context: Context) -> Finding | None:
        """Wrong on onnx_torchscript, breaks torch_export and onnx_dynamo."""
        message = (
            f"`{event.callee}` depends on the values of lengths: `torch.export` stops, and the TorchScript ONNX "
            f"exporter leaves the packing out; run the layer on the padded batch and mask behind the ends"
        )
        return self.finding(event, message, HARM, context)
