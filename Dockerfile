# The book's environment; every step is make's: docker build -t brainseg . && docker run --rm brainseg
FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /brainseg
COPY . .
RUN make .venv/ready
CMD ["make", "book"]
