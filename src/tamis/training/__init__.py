"""Fine-tuning on selected rows, resumed where it stopped; knows no methods."""
