"""Pure decisions: from panels and inventories to advice."""
