"""Pure decisions: from objects and panels to hours, from judgements to sentences."""
