"""What any stack of charging profiles comes to, before anything is sent: ``depot preview``.

``question`` reads what is asked, ``wire`` knows profiles as they go over the wire, ``picture`` draws the answer.
"""

from dispatch.preview.picture import draw
from dispatch.preview.question import PreviewError, Question, read_questions

__all__ = ["PreviewError", "Question", "draw", "read_questions"]
